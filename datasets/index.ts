import { Registry } from '../domain/registry.ts';
import { passengers } from './passengers.ts';
import { recipes } from './recipes.ts';
import { verification } from './verification.ts';

/** Every dataset of the pipeline. To add one, add a file beside this one and a word here. */
export const datasets = [recipes, passengers];

/** Those, and the pipeline's own, which has objects only while `npx sluice verify` runs. */
export const deployedDatasets = [...datasets, verification];

/** The same, for look-ups by name or key. */
export const registry = new Registry(deployedDatasets);
