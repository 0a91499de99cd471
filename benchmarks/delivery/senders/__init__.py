"""Each sender in a process of its own, in the environment that has it: ``loop`` trains, and the other modules send."""
