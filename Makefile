# Every target in a few lines; the work is in deploy/stack. `make` alone prints what there is.
PYTHON ?= python3
# Compiled modules are worth keeping: one start runs a dozen processes of the same code.
unexport PYTHONDONTWRITEBYTECODE
RUN = .venv/bin/python -m
.DEFAULT_GOAL := help
.PHONY: help setup lock run up demo down status token test test-kafka test-db test-pure faults bench check contracts docs format
.PHONY: image compose-up compose-demo compose-down test-containers

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## the Python environment in .venv, from hashed requirements (every target below does it first)
	@command -v $(PYTHON) > /dev/null || { echo "Reliefpath needs Python 3.11 or newer and there is no $(PYTHON): install one, then make PYTHON=… again."; exit 1; }
	@$(PYTHON) -I deploy/stack/src/stack/environment.py

lock: setup ## resolve the declared dependencies anew into requirements/*.txt
	@$(PYTHON) -I deploy/stack/src/stack/environment.py lock

run: setup ## everything in the foreground: servers, services, the demo; Ctrl-C stops it all
	@$(RUN) stack run

up: setup ## the same servers and services in the background
	@$(RUN) stack up

demo: setup ## send the simulator's patients through what `make up` started
	@$(RUN) stack demo

down: setup ## stop what `make up` started
	@$(RUN) stack down

status: setup ## what runs, where, since when
	@$(RUN) stack status

token: setup ## a bearer token: make token ROLE=coordinator [FACILITY=code] [JOURNEY=id] [HOURS=number]
	@$(RUN) stack token $(if $(FACILITY),--facility "$(FACILITY)") $(if $(JOURNEY),--journey "$(JOURNEY)") $(if $(HOURS),--hours="$(HOURS)") $(ROLE)

test: setup ## all tests, two kinds at a time, each on a PostgreSQL and a Kafka of its own
	@$(MAKE) --no-print-directory --keep-going --jobs=2 test-kafka test-db test-pure

# Every line says whose it is, and a test that failed is not forgotten behind the pipe.
test-%: SHELL = /bin/bash -o pipefail

test-kafka: setup ## those that need a Kafka, or the whole network of services
	@$(RUN) pytest -m "kafka or journey" | sed -u 's/^/kafka | /'

test-db: setup ## those that need a PostgreSQL and no Kafka
	@$(RUN) pytest -m "db and not kafka and not journey" | sed -u 's/^/db    | /'

test-pure: setup ## those that need neither
	@$(RUN) pytest -m "not db and not kafka and not journey" | sed -u 's/^/pure  | /'

faults: setup ## break a whole installation at random and check every promise: make faults [MINUTES=30] [SEED=number] [BROKERS=3]
	@$(RUN) tests.reliability $(if $(MINUTES),--minutes "$(MINUTES)") $(if $(SEED),--seed "$(SEED)") $(if $(BROKERS),--brokers "$(BROKERS)")

bench: setup ## benchmarks with durable servers: make bench [ROUNDS=number] [SIZE=small]
	@$(RUN) tests.benchmarks $(if $(ROUNDS),--rounds "$(ROUNDS)") $(if $(SIZE),--size "$(SIZE)")

check: setup ## style, types, layers and the architecture's own tests
	@$(RUN) ruff check
	@$(RUN) ruff format --check
	@$(RUN) mypy
	@.venv/bin/lint-imports --no-logo
	@$(RUN) contracts --check
	@$(RUN) pytest -q tests/architecture

contracts: setup ## write contracts/ from the code, and the Python client: make contracts [ANSWERS=anew, as the stories are answered now]
	@$(if $(ANSWERS),$(RUN) pytest -q tests/contracts/test_examples.py -k a_story_happens --record-answers)
	@$(RUN) contracts

docs: setup ## write docs/*.md from the code they describe
	@.venv/bin/python docs/generate.py

format: setup ## write code as `make check` wants it
	@$(RUN) ruff check --fix
	@$(RUN) ruff format

image: ## the images of everything that runs, as Docker Compose names them; says their size
	@REVISION=$$(git rev-parse HEAD 2> /dev/null || echo unknown) docker compose build
	@docker image ls reliefpath

compose-up: ## everything as containers, from images made now; up when all of it is healthy
	@deploy/secrets && docker compose up --build --detach --wait
	@docker compose run --rm --no-deps directory

compose-demo: ## send the simulator's patients through what `make compose-up` started
	@docker compose run --rm --no-deps demo

compose-down: ## stop the containers and keep their data
	@docker compose --profile demo down

test-containers: setup ## where a Docker engine answers: the images, an installation of them, and tests with servers in containers
	@$(RUN) pytest tests/containers
	@! docker info > /dev/null 2>&1 || RELIEFPATH_TEST_WITH=docker $(RUN) pytest -m "kafka or journey" tests/backbone tests/journeys
