// A host application that shows a page, with and without React.
import { type ExtensionFrameHandle, bootstrapIframe, buildExtUiSrc } from "@alga/extension-host";
import { ExtensionFrame } from "@alga/extension-host/react";
import type { ReactElement } from "react";

const options = {
  extension: "com.example.agreements",
  contentHash: "sha256:00",
  title: "Agreements",
  about: { id: "i1", name: "com.example.agreements", version: "1.0.0" },
  session: async () => ({ token: "t", expires_at: 0 }),
};

export const frame: ExtensionFrameHandle = bootstrapIframe(document.body, options);
export const src: string = buildExtUiSrc(options);

export function Agreements(): ReactElement {
  return <ExtensionFrame {...options} onNavigate={(path: string) => history.pushState(null, "", path)} />;
}
