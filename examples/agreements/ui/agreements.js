// The page of the example: lists agreements and creates them by the extension's own endpoints.
import { getBridge, navigate } from "./sdk/index.js";
import { toast } from "./kit/message.js";
import "./kit/button.js";
import "./kit/dialog.js";
import "./kit/form.js";
import "./kit/input.js";
import "./kit/layout.js";
import "./kit/table.js";

const bridge = getBridge();
const [dialog, table, form] = ["alga-dialog", "alga-table", "alga-form"].map((name) => document.querySelector(name));
const price = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2 });

table.columns = [
  { key: "title", label: "Title", width: 260 },
  { key: "client", label: "Client", width: 220 },
  { key: "monthly_cents", label: "Monthly price", align: "end", format: (cents) => price.format(cents / 100) },
];

function show(agreements) {
  document.querySelector("#loading").hidden = true;
  document.querySelector("alga-empty").hidden = agreements.length > 0;
  table.hidden = agreements.length === 0;
  table.rows = agreements;
}

async function list() {
  const agreements = [];
  let cursor = "";
  do {
    const query = cursor === "" ? "" : `?cursor=${encodeURIComponent(cursor)}`;
    const response = await bridge.fetch(`/agreements${query}`);
    if (!response.ok) throw new Error(`the agreements could not be read: ${response.status}`);
    const page = await response.json();
    agreements.push(...page.agreements);
    cursor = page.next_cursor ?? "";
  } while (cursor !== "");
  show(agreements);
}

document.querySelector("#new").addEventListener("click", () => {
  dialog.show();
  navigate("/agreements/new");
});
dialog.addEventListener("alga-close", () => navigate("/agreements"));
form.addEventListener("alga-submit", async ({ detail }) => {
  const { title, client, monthly } = detail.data;
  const save = document.querySelector("#save");
  save.loading = true;
  try {
    const response = await bridge.fetch("/agreements", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ title, client, monthly_cents: Math.round(Number(monthly) * 100) }),
    });
    if (response.ok) {
      dialog.close();
      detail.form.reset();
      toast("The agreement was created", { kind: "success" });
      await list();
    } else {
      const { message } = await response.json().catch(() => ({ message: `status ${response.status}` }));
      // The handler names the field first.
      const names = new Map([["client", "client"], ["monthly_cents", "monthly"]]);
      form.setErrors({ [names.get(message.split(" ")[0]) ?? "title"]: message });
    }
  } catch (error) {
    toast(error.message, { kind: "danger", timeout: 0 });
  } finally {
    save.loading = false;
  }
});

bridge.autoResize();
const { locale, navigation } = await bridge.ready();
if (locale !== "") document.documentElement.lang = locale;
if (navigation.path === "/agreements/new") dialog.show();
await list().catch((error) => toast(error.message, { kind: "danger", timeout: 0 }));
