# fish completion for kanban
complete -c kanban -f
complete -c kanban -s f -r -F -d "Board file"
complete -c kanban -n __fish_use_subcommand -a "init add list move done drop limit stats search version help"
complete -c kanban -n "__fish_seen_subcommand_from move done drop" -a "(awk '\$1 == \"card\" { print \$2 }' board.txt 2>/dev/null)"
