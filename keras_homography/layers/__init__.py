"""Keras layers, all of which convert to built-in TFLite operators."""
