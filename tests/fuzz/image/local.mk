# fuzz targets of image/
