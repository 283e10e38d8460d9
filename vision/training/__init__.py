"""Training of own weights: data sets, runs, averaging, export, quantisation, the manifest.

PyTorch and Ultralytics (the ``train`` extra) are imported inside functions, never by importing a module.
"""
