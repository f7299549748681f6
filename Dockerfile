# The HTTP gateway (`lakebook serve`) of the lake that is mounted at /lake.
#   docker build -t lakebook-gateway .
#   docker run --rm -p 127.0.0.1:8765:8765 -v "$PWD:/lake" lakebook-gateway
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN node scripts/build.mjs \
  && npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
  # The bundle holds everything else.
  && find node_modules -mindepth 1 -maxdepth 1 ! -name @duckdb ! -name better-sqlite3 ! -name detect-libc -exec rm -rf {} +

FROM node:24-bookworm-slim
ENV NODE_ENV=production LAKEBOOK_CACHE_DIR=/cache
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
RUN mkdir /lake /cache && chown node:node /lake /cache
USER node
VOLUME [ "/lake", "/cache" ]
EXPOSE 8765
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s \
  CMD [ "node", "-e", "fetch('http://127.0.0.1:8765/readyz').then(answer => process.exit(answer.ok ? 0 : 1), () => process.exit(1))" ]
# Other containers reach it under its own name: add `--allow-host gateway`, or whatever it is called.
ENTRYPOINT [ "node", "dist/gateway.mjs", "--host", "0.0.0.0", "--lake", "/lake" ]
