import { Registry } from '../domain/registry.ts';
import { passengers } from './passengers.ts';
import { recipes } from './recipes.ts';

/** Every dataset of the pipeline. To add one, add a file beside this one and a word here. */
export const datasets = [recipes, passengers];

/** The same, for look-ups by name or key. */
export const registry = new Registry(datasets);
