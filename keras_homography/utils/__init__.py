"""Command lines, files, images, machine and memory: no knowledge of homographies."""
