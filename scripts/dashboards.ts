/** Writes grafana/provisioning/dashboards/json from grafana/dashboards: node scripts/dashboards.ts */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dashboardFiles } from '../grafana/dashboards/index.ts';

const FOLDER = fileURLToPath(new URL('../grafana/provisioning/dashboards/json', import.meta.url));

const files = dashboardFiles();
await mkdir(FOLDER, { recursive: true });
for (const name of await readdir(FOLDER)) if (!(name in files)) await rm(join(FOLDER, name));
for (const [name, text] of Object.entries(files)) await writeFile(join(FOLDER, name), text);
