# unit tests of image/
