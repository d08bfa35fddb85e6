import { getService, listServices } from "alga:psa/services";
import type { ServicesHost } from "./index.ts";

export const services: ServicesHost = {
  async list({ page = 1, pageSize = 25, ...filter } = {}) {
    return listServices(filter, { number: page, size: pageSize });
  },
  async get(id) {
    return getService(id) ?? null;
  },
};
