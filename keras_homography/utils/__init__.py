"""Files, images, programs, environment, memory: nothing here knows of homographies."""
