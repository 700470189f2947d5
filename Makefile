# Many services, one Postgres database, one schema each. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := node_modules/.bin
SCHEMATA := node dist/cli.js
APP := $(if $(app),--app "$(app)")
TO := $(if $(to),--to="$(to)")
INSTALLED := node_modules/.package-lock.json
OLDER_POSTGRES := test/postgres/node_modules/.package-lock.json
BENCH_TOOLS := bench/node_modules/.package-lock.json
CLIENTS := $(patsubst %/schema.prisma,%/src/generated/client.ts,$(wildcard services/*/schema.prisma))
SOURCES := $(shell find scripts prisma -name '*.ts' -o -name '*.mjs' 2>/dev/null)

$(INSTALLED): package.json package-lock.json .npmrc
	npm ci --loglevel=error
	@touch $@

$(OLDER_POSTGRES): $(addprefix test/postgres/,package.json package-lock.json .npmrc)
	npm ci --prefix test/postgres --loglevel=error
	@touch $@

$(BENCH_TOOLS): $(addprefix bench/,package.json package-lock.json .npmrc)
	npm ci --prefix bench --loglevel=error
	@touch $@

dist/cli.js: $(INSTALLED) $(SOURCES)
	@node scripts/build.mjs

.PHONY: help build
help: ## list the targets
	@sed -n 's/^\([a-z.-]*\):.*## \(.*\)/  make \1#\2/p' Makefile | column -t -s '#'

build: dist/cli.js ## install and build what is out of date

.PHONY: start-db stop-db reset-db
start-db: build ## start the database server: [db=docker]
	@$(SCHEMATA) start-db $(if $(db),--db "$(db)")

stop-db: build ## stop what start-db started
	@$(SCHEMATA) stop-db

reset-db: build ## delete all data and start empty: [yes=1]
	@$(SCHEMATA) reset-db $(if $(yes),--yes)

init.sql: build $(wildcard services/*/schema.prisma) ## write init.sql anew from services/
	@$(SCHEMATA) init-sql --write

.PHONY: revision upgrade-head upgrade current history
revision: build ## write the next migration from the schema file: app=auth m="add users" [empty=1] [rename=users.name=full_name]
	@$(SCHEMATA) revision $(APP) -m "$$m" $(if $(empty),--empty) $(foreach one,$(rename),--rename "$(one)")

upgrade-head: build ## bring one service, or all, to head: [app=billing]
	@$(SCHEMATA) upgrade-head $(APP)

upgrade: build ## bring one service to a point: app=billing to=+1
	@$(SCHEMATA) upgrade $(APP) $(TO)

current: build ## where each service stands: [app=billing]
	@$(SCHEMATA) current $(APP)

history: build ## every migration with its state: [app=billing]
	@$(SCHEMATA) history $(APP)

.PHONY: dev deploy prisma studio generate
dev: build ## run stock prisma migrate dev: app=billing [args="--name add_users"]
	@$(SCHEMATA) dev $(APP) -- $(args)

deploy: build ## run stock prisma migrate deploy: app=billing
	@$(SCHEMATA) deploy $(APP)

prisma: build ## run any command of the Prisma CLI: app=billing args="migrate status"
	@$(SCHEMATA) prisma $(APP) -- $(args)

studio: build ## browse the data in Prisma Studio: [app=billing]
	@$(SCHEMATA) studio $(APP)

generate: build $(if $(app),,$(CLIENTS)) ## generate the typed clients that are out of date: [app=billing]
	$(if $(app),@$(SCHEMATA) generate $(APP))

services/%/src/generated/client.ts: services/%/schema.prisma $(INSTALLED) | dist/cli.js
	@$(SCHEMATA) generate --app "$*"
	@touch -c $@

.PHONY: test lint format typecheck
test: build generate $(OLDER_POSTGRES) ## run the whole test suite
	@$(BIN)/vitest run

lint: build typecheck ## formatter, linter, types, unused exports and dependencies
	@$(BIN)/biome check --error-on-warnings
	@$(BIN)/knip

format: $(INSTALLED) ## format every file
	@$(BIN)/biome check --write

typecheck: $(INSTALLED) $(CLIENTS)
	@$(BIN)/tsc

.PHONY: bench
bench: build $(BENCH_TOOLS) ## speed and memory beside other tools: [only=empty] [skip=alembic] [rounds=3]
	@$(BIN)/esbuild bench/main.ts --bundle --platform=node --format=esm --packages=external --log-level=warning --outfile=.schemata/bench/main.js
	@node .schemata/bench/main.js $(foreach word,only skip rounds jobs dist,$(if $($(word)),"$(word)=$($(word))"))
