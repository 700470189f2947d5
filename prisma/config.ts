import { defineService } from "./service.ts";

/** The configuration for services that have none of their own: the tool names the folder in PRISMA_SERVICE_DIR. */
export default defineService(process.env.PRISMA_SERVICE_DIR ?? process.cwd());
