# unit tests of keywrap/
