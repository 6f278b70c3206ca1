# fish completion, as the installed binary has it.
cuvee completions fish | source
