# unit tests of kbs/
