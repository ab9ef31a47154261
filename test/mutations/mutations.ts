import { decisions } from './list/decisions.ts';
import { extraction } from './list/extraction.ts';
import { invocations } from './list/invocations.ts';
import { keys } from './list/keys.ts';
import { loading } from './list/loading.ts';
import { maintenance } from './list/maintenance.ts';
import { mysql } from './list/mysql.ts';
import { publishing } from './list/publishing.ts';
import { storage } from './list/storage.ts';
import { superseding } from './list/superseding.ts';
import { transformation } from './list/transformation.ts';
import type { Mutation } from './mutation.ts';

export const mutations: readonly Mutation[] = [
  ...invocations,
  ...storage,
  ...keys,
  ...decisions,
  ...extraction,
  ...transformation,
  ...publishing,
  ...loading,
  ...superseding,
  ...maintenance,
  ...mysql,
];
