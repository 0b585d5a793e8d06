"""What a worker does for each kind of task: begin and end a pass, list a directory, sync files, delete, move."""
