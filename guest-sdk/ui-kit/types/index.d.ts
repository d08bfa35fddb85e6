/** All elements of the kit; importing this module defines them. */
export { AlgaElement, FormElement } from "./base.js";
export { AlgaButton } from "./button.js";
export { AlgaChart, type Series } from "./chart.js";
export { AlgaCheckbox, AlgaRadio, AlgaSelect, AlgaSwitch, type Option } from "./choice.js";
export { AlgaCombobox } from "./combobox.js";
export { AlgaDialog } from "./dialog.js";
export { AlgaForm } from "./form.js";
export { AlgaInput, AlgaTextarea } from "./input.js";
export { AlgaBadge, AlgaCard, AlgaEmpty, AlgaPagination, AlgaSkeleton } from "./layout.js";
export { AlgaMenu, type MenuItem } from "./menu.js";
export { AlgaToasts, AlgaTooltip, type Toast, toast } from "./message.js";
export { AlgaTable, type Column, type PageRequest, type Row, type Sort } from "./table.js";
export { AlgaTab, AlgaTabs } from "./tabs.js";
