import { Registry } from '../domain/registry.ts';
import { passengers } from './passengers.ts';
import { recipes } from './recipes.ts';

/** Every dataset of the pipeline. A new one is a file beside this and a word here. */
export const datasets = [recipes, passengers];

/** The same, to be looked up by name or key. */
export const registry = new Registry(datasets);
