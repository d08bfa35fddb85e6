/** The plugin for `vitest.config.ts` that puts mocks in the place of the host's interfaces. */
export declare function algaMocks(): {
  name: string;
  enforce: "pre";
  resolveId(id: string): string | undefined;
  load(id: string): string | undefined;
};
