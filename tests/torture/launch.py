"""Plays systemd's last step: the held socket goes on descriptor 3, LISTEN_PID names us, and we become the daemon.

Run as a script by a bare interpreter (`python -I -S launch.py FD NAME COMMAND …`): only what is needed is imported.
"""

import os
import sys

if __name__ == "__main__":
    held, name, *command = sys.argv[1:]
    os.dup2(int(held), 3, inheritable=True)
    if int(held) != 3:
        os.close(int(held))
    os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": name}
    os.execv(command[0], command)
