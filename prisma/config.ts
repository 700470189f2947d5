import { defineService } from "./service.ts";

/** The configuration for services that have none of their own: the tool names the folder in SCHEMATA_SERVICE_DIR. */
export default defineService(process.env.SCHEMATA_SERVICE_DIR ?? process.cwd());
