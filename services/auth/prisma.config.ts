export default (await import("../../prisma/service.ts")).defineService(import.meta.dirname);
