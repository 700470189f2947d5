import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compareJobs, parseComposeJobs } from "../../../scripts/core/composeJobs.ts";

test("the jobs of this project's own file", () => {
  expect(parseComposeJobs(readFileSync("docker-compose.yml", "utf8"))).toEqual([
    { name: "auth", schema: "auth" },
    { name: "billing", schema: "billing" },
  ]);
});

test("quotes, lists, comments, and what stands outside of services", () => {
  const text = `x-job:
  DB_SCHEMA: no
services:
  # comment:
  "my job": # why
    environment:
      - DB_SCHEMA="a b"
  db:
    image: postgres
volumes:
  data:
    DB_SCHEMA: no
`;
  expect(parseComposeJobs(text)).toEqual([{ name: "my job", schema: "a b" }]);
});

test("what does not agree", () => {
  const jobs = [
    { name: "auth", schema: "auth" },
    { name: "old", schema: "old" },
    { name: "crm", schema: "crn" },
  ];
  const services = ["auth", "billing", "crm"].map((name) => ({ name, schema: name }));
  expect(compareJobs(jobs, services)).toEqual([
    "there is no job for billing",
    "the job crm says DB_SCHEMA crn, its schema file crm",
    "the job old is for no service",
  ]);
});
