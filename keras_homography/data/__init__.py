"""Images from a folder, TFDS or nowhere, and the pairs that are made of them."""
