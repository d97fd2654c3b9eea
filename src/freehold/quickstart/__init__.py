"""The quickstart: the whole main job on one machine, by the same commands and calls a person would make.

    directory    a fresh folder for each run, one run at a time
    processes    the chain and eight nodes as operating system processes, restarted when they die
    scene        who takes part, and on what terms; `world` starts them
    play         publish, train, buy, pay out, prove: through the nodes' HTTP only
    comparison   what the pooled data would have given
    report       the table; `pages` serves the same as a page

`run.run` goes through all of it and returns the report.
"""
