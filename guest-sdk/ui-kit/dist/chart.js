export { t as AlgaChart } from "./chunks/chart.js";
