# fuzz targets of common/
