"""The quickstart: the whole main job on one machine, by the same commands and calls a person would make.

    processes    the chain and eight nodes as operating system processes, restarted when they die
    world        who takes part, and on what terms, in a fresh folder for each run, one run at a time
    demo         their tables, and what the pooled data would have given
    play         publish, train, buy, pay out, prove: through the nodes' HTTP only
    report       the table; `result_page` serves the same as a page

`run.run` goes through all of it.
"""
