/** The elements as React components, with typed properties and events. */
import { type EventName, createComponent } from "@lit/react";
import * as react from "react";
import * as kit from "./index.js";

const change = { onInput: "input" as EventName<Event>, onChange: "change" as EventName<Event> };
const event = <Detail>(name: string): EventName<CustomEvent<Detail>> => name as EventName<CustomEvent<Detail>>;

export const Badge = createComponent({ react, tagName: "alga-badge", elementClass: kit.AlgaBadge });
export const Button = createComponent({ react, tagName: "alga-button", elementClass: kit.AlgaButton });
export const Card = createComponent({ react, tagName: "alga-card", elementClass: kit.AlgaCard });
export const Chart = createComponent({ react, tagName: "alga-chart", elementClass: kit.AlgaChart });
export const Checkbox = createComponent({ react, tagName: "alga-checkbox", elementClass: kit.AlgaCheckbox, events: change });
export const Combobox = createComponent({
  react,
  tagName: "alga-combobox",
  elementClass: kit.AlgaCombobox,
  events: { ...change, onSearch: event<{ text: string }>("alga-search") },
});
export const DataTable = createComponent({
  react,
  tagName: "alga-table",
  elementClass: kit.AlgaTable,
  events: {
    onLoad: event<kit.PageRequest>("alga-load"),
    onOpen: event<{ row: kit.Row }>("alga-open"),
    onSelect: event<{ selected: readonly unknown[] }>("alga-select"),
  },
});
export const Dialog = createComponent({
  react,
  tagName: "alga-dialog",
  elementClass: kit.AlgaDialog,
  events: { onClose: event<object>("alga-close") },
});
export const EmptyState = createComponent({ react, tagName: "alga-empty", elementClass: kit.AlgaEmpty });
export const Form = createComponent({
  react,
  tagName: "alga-form",
  elementClass: kit.AlgaForm,
  events: { onSubmitData: event<{ data: Record<string, FormDataEntryValue>; form: HTMLFormElement }>("alga-submit") },
});
export const Input = createComponent({ react, tagName: "alga-input", elementClass: kit.AlgaInput, events: change });
export const Menu = createComponent({
  react,
  tagName: "alga-menu",
  elementClass: kit.AlgaMenu,
  events: { onChoose: event<{ id: string }>("alga-choose") },
});
export const Pagination = createComponent({
  react,
  tagName: "alga-pagination",
  elementClass: kit.AlgaPagination,
  events: { onPage: event<{ page: number }>("alga-page") },
});
export const Radio = createComponent({ react, tagName: "alga-radio", elementClass: kit.AlgaRadio, events: change });
export const Select = createComponent({ react, tagName: "alga-select", elementClass: kit.AlgaSelect, events: change });
export const Skeleton = createComponent({ react, tagName: "alga-skeleton", elementClass: kit.AlgaSkeleton });
export const Switch = createComponent({ react, tagName: "alga-switch", elementClass: kit.AlgaSwitch, events: change });
export const Tab = createComponent({ react, tagName: "alga-tab", elementClass: kit.AlgaTab });
export const Tabs = createComponent({
  react,
  tagName: "alga-tabs",
  elementClass: kit.AlgaTabs,
  events: { onSelect: event<{ index: number }>("alga-select") },
});
export const Textarea = createComponent({ react, tagName: "alga-textarea", elementClass: kit.AlgaTextarea, events: change });
export const Tooltip = createComponent({ react, tagName: "alga-tooltip", elementClass: kit.AlgaTooltip });
