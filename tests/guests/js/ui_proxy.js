import { call } from "alga:ui-proxy/routes";

const shown = ({ status, contentType, body }) => [status, contentType, JSON.parse(text(body))];

export default async () => {
  await check("read", () => shown(call("ticket", [["id", "17 b"], ["view", "full&all"]])));
  await check("write", () => shown(call("comment", [["id", "17"]], bytes('{"text":"hello"}'))));
  await check("path", () => call("ticket", [["id", "../admin"]]));
  for (const route of ["/api/admin", "forbidden", "nothing", "wrong", "broken", "redirect"]) await check(route, () => call(route, []));
  await check("wrong pair", () => call("ticket", [["id"]]));
  return report();
};
