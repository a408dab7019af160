FROM node:24-bookworm-slim AS packages
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM packages AS build
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY src src
RUN npm run build

FROM node:24-bookworm-slim
ENV NODE_ENV=production \
    MORROW_LISTEN=0.0.0.0:8008 \
    MORROW_DATA_DIR=/data
WORKDIR /app
COPY --from=packages /build/node_modules node_modules
COPY --from=build /build/package.json ./
COPY --from=build /build/dist dist
COPY migrations migrations
RUN mkdir /data && chown node:node /data
# A volume takes over the owner that the directory has here.
VOLUME /data
USER node
EXPOSE 8008
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.MORROW_LISTEN.split(':').pop()}/_matrix/client/versions`).then((reply) => process.exit(reply.ok ? 0 : 1), () => process.exit(1))"]
# SIGTERM finishes requests and commits in flight, then stops the embedded database.
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/main.js"]
