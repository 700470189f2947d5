# Many services, one Postgres database, one schema each. `make help` lists the targets.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

BIN := node_modules/.bin
SCHEMATA := node dist/cli.js
INSTALLED := node_modules/.package-lock.json
OLDER_POSTGRES := test/postgres/node_modules/.package-lock.json
BROWSER := test/browser/node_modules/.package-lock.json
BENCH_TOOLS := bench/node_modules/.package-lock.json
CLIENTS := $(patsubst %/schema.prisma,%/src/generated/client.ts,$(wildcard services/*/schema.prisma))
SOURCES := $(shell find scripts prisma -name '*.ts' -o -name '*.mjs')

# What is given as name=value reaches the tool as its option of that name, through the environment (SCHEMATA_name):
# neither make nor a shell reads the value again, whatever it holds. A name that no verb knows is a slip of the pen.
OPTIONS := app m to on back range migration db yes empty rename dry_run sql json exit_code strict jobs \
	with_dependencies offline format message check edited as_owner indicate_current require_roles \
	lock_wait lock_timeout retries port browser write schema incomplete unsafe rows from_db stamp table citus model
SETTINGS := args only skip rounds dist DATABASE_URL SHADOW_DATABASE_URL DB_PORT DEBUG CI SCHEMATA_%
GIVEN := $(foreach name,$(.VARIABLES),$(if $(findstring command,$(origin $(name))),$(name)))
$(foreach name,$(filter-out $(OPTIONS) $(SETTINGS) MAKE% -%,$(GIVEN)),$(error $(name)= is unknown; there are: $(OPTIONS) args))
$(foreach name,$(GIVEN),$(eval override export $(name) := $$(value $(name))))
$(foreach name,$(filter $(OPTIONS),$(GIVEN)),$(eval export SCHEMATA_$(name) := $$(value $(name))))

$(INSTALLED): package.json package-lock.json .npmrc
	npm ci --loglevel=error
	@touch $@

$(OLDER_POSTGRES): $(addprefix test/postgres/,package.json package-lock.json .npmrc)
	npm ci --prefix test/postgres --loglevel=error
	@touch $@

$(BROWSER): $(addprefix test/browser/,package.json package-lock.json .npmrc)
	npm ci --prefix test/browser --loglevel=error
	@touch $@

$(BENCH_TOOLS): $(addprefix bench/,package.json package-lock.json .npmrc)
	npm ci --prefix bench --loglevel=error
	@touch $@

dist/cli.js: $(INSTALLED) $(SOURCES)
	@node scripts/build.mjs

.PHONY: help build
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

build: dist/cli.js ## install and build what is out of date

.PHONY: start-db stop-db reset-db provision
start-db: build ## start the database server: [db=docker]
	@$(SCHEMATA) start-db

stop-db: build ## stop what start-db started
	@$(SCHEMATA) stop-db

reset-db: build ## delete all data and start empty: [yes=1]
	@$(SCHEMATA) reset-db

provision: build ## give every service its schema and roles in a database of your own: [dry_run=1]
	@$(SCHEMATA) provision

init.sql: dist/cli.js $(wildcard services/*/schema.prisma) ## write init.sql anew from services/
	@$(SCHEMATA) init-sql --write

.PHONY: revision upgrade-head upgrade downgrade current history plan baseline stamp rebase squash transfer heads show sql check sync guard doctor
revision: build ## write the next migration from the schema file: app=auth m="add users" [empty=1] [rename=users.name=full_name] [from_db=1]
	@$(SCHEMATA) revision

upgrade-head: build ## bring one service, or all, to head: [app=billing] [to=+1] [dry_run=1]
	@$(SCHEMATA) upgrade-head

upgrade: build ## bring one service to a point: app=billing to=+1
	@$(SCHEMATA) upgrade

downgrade: build ## undo a service's newest migrations: app=billing [to=-1] [yes=1] [dry_run=1]
	@$(SCHEMATA) downgrade

current: build ## where each service stands: [app=billing]
	@$(SCHEMATA) current

history: build ## every migration with its state: [app=billing]
	@$(SCHEMATA) history

plan: build ## what upgrade-head would do, in order, with the locks it takes: [app=billing]
	@$(SCHEMATA) plan

baseline: build ## adopt a schema that exists already: app=crm [schema=crm] [sql=1] [yes=1]
	@$(SCHEMATA) baseline

stamp: build ## record migrations as applied or not, without running them: app=billing to=head [yes=1]
	@$(SCHEMATA) stamp

rebase: build ## after a merge: put unapplied migrations last and prove them: app=billing [yes=1] [dry_run=1]
	@$(SCHEMATA) rebase

repair: build ## go on with a migration that was left unfinished, or back: app=billing [on=1] [back=1] [yes=1]
	@$(SCHEMATA) repair

squash: build ## make the first migrations one that is proven the same: app=billing [to=add_users] [yes=1] [dry_run=1]
	@$(SCHEMATA) squash

transfer: build ## move a table to another service, with its data: table=auth.sessions to=billing [m="…"] [dry_run=1]
	@$(SCHEMATA) transfer

heads: build ## the newest migration of each service on disk: [app=billing]
	@$(SCHEMATA) heads

show: build ## all there is to know of a migration: app=billing migration=add_users
	@$(SCHEMATA) show

sql: build ## the SQL between two points, for psql: app=billing [range=a:b]
	@$(SCHEMATA) sql

check: build ## one answer for CI, exit status 3 when something is amiss: [app=billing] [offline=1] [format=github] [json=1]
	@$(SCHEMATA) check

sync: build ## bring what a schema file repeats of other services in line with theirs: app=billing [model=auth.User] [rename=users.name=full_name] [dry_run=1]
	@$(SCHEMATA) sync

guard: build ## report what a migration does beyond its service: [app=billing]
	@$(SCHEMATA) guard

doctor: build ## look at everything that has to be in place, each ok or with its fix: [json=1]
	@$(SCHEMATA) doctor

.PHONY: dev deploy prisma studio generate
dev: build ## run stock prisma migrate dev: app=billing [args="--name add_users"]
	@$(SCHEMATA) dev -- $(args)

deploy: build ## run stock prisma migrate deploy: app=billing
	@$(SCHEMATA) deploy

prisma: build ## run any command of the Prisma CLI: app=billing args="migrate status"
	@$(SCHEMATA) prisma -- $(args)

studio: build ## browse the data in Prisma Studio: [app=billing]
	@$(SCHEMATA) studio

generate: build $(if $(filter app,$(GIVEN)),,$(CLIENTS)) ## generate the typed clients that are out of date: [app=billing]
	$(if $(filter app,$(GIVEN)),@$(SCHEMATA) generate)

services/%/src/generated/client.ts: export SCHEMATA_app = $*
services/%/src/generated/client.ts: services/%/schema.prisma $(INSTALLED) | dist/cli.js
	@$(SCHEMATA) generate
	@touch -c $@

.PHONY: test lint format typecheck
test: build generate $(OLDER_POSTGRES) $(BROWSER) ## run the whole test suite
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
