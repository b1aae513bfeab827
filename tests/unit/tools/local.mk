# unit tests of tools/
