export { t as AlgaElement, n as FormElement, r as define, i as fieldStyles, a as tokens } from "./chunks/base.js";
