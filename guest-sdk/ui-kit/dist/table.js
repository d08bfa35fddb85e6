export { t as AlgaTable } from "./chunks/table.js";
