import { reveal } from "alga:secrets/reveal";
import { names } from "alga:secrets/store";
import type { SecretsHost } from "./index.ts";

export const secrets: SecretsHost = {
  async get(key) {
    return new TextDecoder().decode(reveal(key));
  },
  async list() {
    return names().map(({ name }) => name);
  },
};
