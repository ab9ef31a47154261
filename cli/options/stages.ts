import { Argument } from 'commander';
import { type Stage, stages } from '../../domain/stage.ts';

/** The argument that names one stage; by default all. */
export function stageArgument(): Argument {
  return new Argument('[stage]', 'only this stage').choices(stages);
}

export function chosenStages(name: string | undefined): readonly Stage[] {
  return name === undefined ? stages : stages.filter((stage) => stage === name);
}
