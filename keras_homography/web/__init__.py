"""The page that aligns two images in a browser: its files, and the server that shows them."""
