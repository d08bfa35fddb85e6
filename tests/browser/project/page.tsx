// A page that uses the SDK with React.
import { BridgeError, callHandlerJson, getBridge, navigate, subscribeTheme } from "@alga/extension-iframe-sdk";
import { useAuthToken, useBridge, useResize, useTheme } from "@alga/extension-iframe-sdk/react";
import { useRef, type ReactElement } from "react";

interface Agreement {
  readonly id: string;
}

export async function agreements(): Promise<readonly Agreement[]> {
  const stop: () => void = subscribeTheme((tokens) => console.log(tokens["--alga-primary"]));
  stop();
  navigate("/agreements");
  try {
    const response: Response = await getBridge().fetch("/agreements", { signal: AbortSignal.timeout(1000) });
    console.log(response.status);
  } catch (error) {
    if (error instanceof BridgeError) console.log(error.code);
  }
  return callHandlerJson<readonly Agreement[]>("/agreements", { method: "POST", body: { name: "a" } });
}

export function Page(): ReactElement {
  const main = useRef<HTMLElement>(null);
  const { bootstrap } = useBridge();
  useResize(main);
  return (
    <main ref={main} lang={bootstrap?.locale} data-token={useAuthToken()}>
      {Object.keys(useTheme()).join()}
    </main>
  );
}
