"""The action script: found under the script path, loaded as a module, called; its worker processes."""
