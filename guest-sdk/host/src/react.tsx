/** The frame as a React component. */
import { useEffect, useRef, type ReactElement } from "react";
import { type ExtensionFrameHandle, type FrameOptions, bootstrapIframe } from "./index.js";

/** Shows a page of an extension. Another release or path is a new page; another theme is sent to it. */
export function ExtensionFrame(options: FrameOptions & { readonly className?: string }): ReactElement {
  const { className, extension, contentHash, base, path, theme } = options;
  const place = useRef<HTMLDivElement>(null);
  const handle = useRef<ExtensionFrameHandle>(undefined);
  const latest = useRef(options);
  latest.current = options;
  useEffect(() => {
    if (place.current === null) return undefined;
    const frame = bootstrapIframe(place.current, {
      ...latest.current,
      session: () => latest.current.session(),
      onNavigate: (to) => latest.current.onNavigate?.(to),
      onResize: (height) => latest.current.onResize?.(height),
      onReady: () => latest.current.onReady?.(),
      onError: (code, message) => latest.current.onError?.(code, message),
    });
    handle.current = frame;
    return () => frame.close();
  }, [extension, contentHash, base, path]);
  useEffect(() => {
    if (theme !== undefined) handle.current?.setTheme(theme);
  }, [theme]);
  return <div ref={place} className={className} />;
}
