# Bash completion, as the installed binary has it.
source <(cuvee completions bash)
