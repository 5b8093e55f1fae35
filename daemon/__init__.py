"""qiaod (桥): one process between WeChat, AI back ends and the people who run them."""

__version__ = "0.1.0"
