import { current } from "alga:user/identity";
import type { UserHost } from "./index.ts";

export const user: UserHost = {
  async getUser() {
    const found = current();
    if (found === undefined) throw new Error("not-available: no user has started this execution");
    return found;
  },
};
