"""A plugin that adds a target of ``donki deploy``."""

from donki_client.deploy.target import FileTarget, register


class Inventory(FileTarget):
    """A list of the servers."""

    name = "inventory"
    does = "a list of the servers"

    def files(self, deployment, settings):
        return {"servers.txt": "".join(f"{server.name}\n" for server in deployment.servers).encode()}


register(Inventory())
# end of the target
