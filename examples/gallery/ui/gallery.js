import { getBridge } from "./sdk/index.js";
import { toast } from "./kit/index.js";

const find = (selector) => document.querySelector(selector);

find("alga-select").options = [
  { value: "basic", label: "Basic" },
  { value: "plus", label: "Plus" },
  { value: "old", label: "Old", disabled: true },
];
find("alga-radio").options = [
  { value: "month", label: "Monthly" },
  { value: "year", label: "Yearly" },
];
find("alga-combobox").options = ["Austria", "Belgium", "Denmark", "Germany", "Netherlands"].map((label) => ({
  value: label.slice(0, 2).toLowerCase(),
  label,
}));
find("alga-menu").items = [
  { id: "copy", label: "Copy" },
  { id: "move", label: "Move", disabled: true },
  { id: "delete", label: "Delete", danger: true },
];
Object.assign(find("alga-chart"), {
  x: Array.from({ length: 12 }, (_, month) => month + 1),
  series: [{ label: "2026", values: Array.from({ length: 12 }, (_, month) => 40 + ((month * 17) % 23)) }],
});

const rows = (count) =>
  Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    customer: `Customer ${(index * 7919) % count}`,
    amount: ((index * 37) % 1000) / 4,
    state: ["open", "paid", "late"][index % 3],
  }));
Object.assign(find("alga-table"), {
  columns: [
    { key: "id", label: "Number", width: 100, align: "end" },
    { key: "customer", label: "Customer", width: 240 },
    { key: "amount", label: "Amount", align: "end", format: (value) => value.toFixed(2) },
    { key: "state", label: "State" },
  ],
  rows: rows(Number(new URLSearchParams(location.search).get("rows") ?? 1000)),
});

find("#open").addEventListener("click", () => find("alga-dialog").show());
find("#cancel").addEventListener("click", () => find("alga-dialog").close());
find("#confirm").addEventListener("click", () => {
  find("alga-dialog").close();
  toast("The agreement was deleted", { kind: "success" });
});
find("#toast").addEventListener("click", () => toast("Something went wrong", { kind: "danger", timeout: 0 }));
find("alga-form").addEventListener("alga-submit", (event) => {
  window.submitted = event.detail.data;
  toast("Saved", { kind: "success" });
});

const bridge = getBridge();
bridge.autoResize();
window.bootstrap = await bridge.ready();
