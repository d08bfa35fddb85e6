/** The elements as React components, with typed properties and events. */
import { type EventName } from "@lit/react";
import * as kit from "./index.js";
export declare const Badge: import("@lit/react").ReactWebComponent<kit.AlgaBadge, {}>;
export declare const Button: import("@lit/react").ReactWebComponent<kit.AlgaButton, {}>;
export declare const Card: import("@lit/react").ReactWebComponent<kit.AlgaCard, {}>;
export declare const Chart: import("@lit/react").ReactWebComponent<kit.AlgaChart, {}>;
export declare const Checkbox: import("@lit/react").ReactWebComponent<kit.AlgaCheckbox, {
    onInput: EventName<Event>;
    onChange: EventName<Event>;
}>;
export declare const Combobox: import("@lit/react").ReactWebComponent<kit.AlgaCombobox, {
    onInput: EventName<Event>;
    onChange: EventName<Event>;
    onSearch: EventName<CustomEvent<{
        text: string;
    }>>;
}>;
export declare const DataTable: import("@lit/react").ReactWebComponent<kit.AlgaTable, {
    onLoad: EventName<CustomEvent<kit.PageRequest>>;
    onOpen: EventName<CustomEvent<{
        row: kit.Row;
    }>>;
    onSelect: EventName<CustomEvent<{
        selected: readonly unknown[];
    }>>;
}>;
export declare const Dialog: import("@lit/react").ReactWebComponent<kit.AlgaDialog, {
    onClose: EventName<CustomEvent<object>>;
}>;
export declare const EmptyState: import("@lit/react").ReactWebComponent<kit.AlgaEmpty, {}>;
export declare const Form: import("@lit/react").ReactWebComponent<kit.AlgaForm, {
    onSubmitData: EventName<CustomEvent<{
        data: Record<string, FormDataEntryValue>;
        form: HTMLFormElement;
    }>>;
}>;
export declare const Input: import("@lit/react").ReactWebComponent<kit.AlgaInput, {
    onInput: EventName<Event>;
    onChange: EventName<Event>;
}>;
export declare const Menu: import("@lit/react").ReactWebComponent<kit.AlgaMenu, {
    onChoose: EventName<CustomEvent<{
        id: string;
    }>>;
}>;
export declare const Pagination: import("@lit/react").ReactWebComponent<kit.AlgaPagination, {
    onPage: EventName<CustomEvent<{
        page: number;
    }>>;
}>;
export declare const Radio: import("@lit/react").ReactWebComponent<kit.AlgaRadio, {
    onInput: EventName<Event>;
    onChange: EventName<Event>;
}>;
export declare const Select: import("@lit/react").ReactWebComponent<kit.AlgaSelect, {
    onInput: EventName<Event>;
    onChange: EventName<Event>;
}>;
export declare const Skeleton: import("@lit/react").ReactWebComponent<kit.AlgaSkeleton, {}>;
export declare const Switch: import("@lit/react").ReactWebComponent<kit.AlgaSwitch, {
    onInput: EventName<Event>;
    onChange: EventName<Event>;
}>;
export declare const Tab: import("@lit/react").ReactWebComponent<kit.AlgaTab, {}>;
export declare const Tabs: import("@lit/react").ReactWebComponent<kit.AlgaTabs, {
    onSelect: EventName<CustomEvent<{
        index: number;
    }>>;
}>;
export declare const Textarea: import("@lit/react").ReactWebComponent<kit.AlgaTextarea, {
    onInput: EventName<Event>;
    onChange: EventName<Event>;
}>;
export declare const Tooltip: import("@lit/react").ReactWebComponent<kit.AlgaTooltip, {}>;
