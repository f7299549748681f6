import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';

const root = path.resolve(import.meta.dirname, '../..');
const text = readFileSync(path.join(root, 'docker-compose.yml'), 'utf8');

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
}
const compose = parse(text, { strict: true, uniqueKeys: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.values(compose.services);

test('services are reached from this machine only', () => {
  const ports = services.flatMap(service => service.ports ?? []);
  expect(ports.length).toBeGreaterThanOrEqual(3);
  for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{\w+:-\d+\}:\d+$/);
});

test('keys come from the environment, and only from there', () => {
  for (const { environment } of services) {
    for (const [name, value] of Object.entries(environment)) {
      if (/KEY|SECRET|PASSWORD|ROOT_USER/.test(name)) expect(value).toMatch(/^\$\{AWS_\w+:\?[^}]+\}$/);
    }
  }
});

test('the sample of the environment has every variable that must be set', () => {
  const sample = readFileSync(path.join(root, '.env.sample'), 'utf8');
  const required = [...text.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name!);
  expect(required.length).toBeGreaterThan(0);
  for (const name of required) expect(sample).toMatch(new RegExp(`^${name}=.+$`, 'm'));
  // The same as the defaults, or a person who changes one would look for the other.
  for (const [, name, value] of text.matchAll(/\$\{(MINIO_\w+|LAKEBOOK_BUCKET):-(\w+)\}/g)) {
    expect(sample).toMatch(new RegExp(`^${name}=${value}$`, 'm'));
  }
});

test('whatever a service waits for or keeps is there', () => {
  for (const { depends_on = {}, volumes = [] } of services) {
    for (const [name, { condition }] of Object.entries(depends_on)) {
      const other = compose.services[name];
      expect(other).toBeDefined();
      if (condition === 'service_healthy') expect(other!.healthcheck?.test.length).toBeGreaterThan(1);
    }
    for (const volume of volumes) {
      const [source] = volume.split(':');
      if (/^\w+$/.test(source!)) expect(Object.keys(compose.volumes)).toContain(source);
    }
  }
});

test('all of MinIO has one version', () => {
  const images = services.flatMap(({ image }) => (image?.includes('minio') ? [image] : []));
  expect(images.length).toBeGreaterThan(1);
  expect(new Set(images).size).toBe(1);
  expect(images[0]).toMatch(/:RELEASE\.[\dTZ-]+$/);
});

test('every image has a version', () => {
  for (const { image } of services) if (image !== undefined) expect(image).toMatch(/:(?!latest$)[\w.-]+$/);
});
